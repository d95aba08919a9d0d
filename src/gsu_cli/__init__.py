"""gsu: make generative models forget, and find out whether they did."""

__version__ = "0.1.0"
