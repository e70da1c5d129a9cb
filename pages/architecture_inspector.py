"""Architecture Inspector."""

import streamlit as st

st.title("Architecture Inspector", anchor=False)
