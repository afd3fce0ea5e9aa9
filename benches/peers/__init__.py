"""What is compared with: programs that do the job, and how they are started."""
