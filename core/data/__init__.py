"""Images and labels: where they come from (without torch), how they are split, and how they become batches."""
