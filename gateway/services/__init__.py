"""What is asked: each verb once, over the stores, without a request or a dialect in sight."""
