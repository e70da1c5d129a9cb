"""The icon of each status of a run."""

STATUS_ICONS = {
    "starting": ":material/hourglass_top:",
    "queued": ":material/schedule:",
    "running": ":material/play_circle:",
    "finished": ":material/check_circle:",
    "stopped": ":material/stop_circle:",
    "failed": ":material/error:",
    "interrupted": ":material/power_off:",
}
