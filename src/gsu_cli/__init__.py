"""gsu: make generative models forget, and measure whether they did."""

__version__ = "0.1.0"
