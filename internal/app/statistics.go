package app

import (
	"webhookd/internal/config"
	"webhookd/internal/stats"
	"webhookd/internal/statsapi"
)

// statistics is what a question about statistics means that says nothing else.
func statistics(cfg config.Config) statsapi.Defaults {
	return statsapi.Defaults{
		Zone:       cfg.TimeZone,
		Thresholds: stats.Thresholds{AnswerWithin: cfg.AnswerWithin, AbandonAfter: cfg.AbandonAfter},
	}
}
