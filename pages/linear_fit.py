"""Linear Fit."""

import streamlit as st

st.title("Linear Fit", anchor=False)
