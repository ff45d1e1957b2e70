"""What is opened to be measured or used: a run, a name or a file; and its answers to images."""
