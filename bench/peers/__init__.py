"""Applications that users would build with other packages, each as its documentation recommends."""
