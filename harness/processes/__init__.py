"""Child processes: what each is asked, what it answers, and how it ended."""
