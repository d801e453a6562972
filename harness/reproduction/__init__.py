"""A row of a run measured again without this project: a folder with a script, the artifact and what to expect."""
