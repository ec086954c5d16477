"""Write a plan to Alma, or records to a file: JSON Lines or the zip of the SIS load."""
