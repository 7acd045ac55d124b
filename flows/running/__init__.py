"""What a run needs: its server and the way to it, task runners, signs of life, a proper end."""
