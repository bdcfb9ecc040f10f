"""What a plan is: changes, steps, findings; the file it is saved in; the report of its apply."""
