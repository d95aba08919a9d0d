"""Figures: what is drawn as plain values, and one file group that draws it with matplotlib."""
