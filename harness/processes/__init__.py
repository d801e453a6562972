"""Child processes: the questions they are asked, their answers, and how they ended."""
