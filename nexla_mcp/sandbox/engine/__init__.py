"""What happens without anybody asking: schedules fire, cycles run, records are written or refused."""
