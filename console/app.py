"""The script that Streamlit runs for every view of a page; everything is in console/frame.py."""

from console.frame import show

show()
