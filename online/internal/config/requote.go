package config

import (
	"time"

	"coldsign/shared/fault"
)

// maxWait is how long a failure that may be mended is told nobody, at most.
const maxWait = 7 * 24 * time.Hour

// requote is the table [requote]:
//
//	[requote]
//	wait = "15m" # before a failure is told that a new quote may mend
type requote struct {
	Wait string `toml:"wait"`
}

func (r requote) read() (time.Duration, error) {
	if r.Wait == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(r.Wait)
	if err != nil || d < 0 || d > maxWait {
		return 0, fault.New("config.requote", `write it as "15m"`, "wait of [requote] must be a time, and at most %s", maxWait)
	}
	return d, nil
}
