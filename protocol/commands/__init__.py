"""The verbs, one module for each topic: what may be asked, each as one frozen value."""
