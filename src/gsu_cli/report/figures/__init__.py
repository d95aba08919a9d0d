"""Figures: what is plotted as plain values, and one file group that plots it with matplotlib."""
