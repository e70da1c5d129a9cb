"""Everything of Unfreeze that would survive without a browser. Nothing in here knows Streamlit."""
