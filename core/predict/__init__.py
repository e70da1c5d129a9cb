"""From a user's photo to what a network takes it for."""
