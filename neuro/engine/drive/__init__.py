"""What calls the kernels, chunk by chunk, with inputs and states; `advance.py` comes first."""
