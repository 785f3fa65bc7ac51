"""What people see of the API in a browser: pages made of the same answers that programs get."""
