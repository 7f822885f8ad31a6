// Package checkup finds out about an installation what package doctor judges: it looks at files and ports, and asks the
// database and NATS. It works beside a running service and without one, and changes nothing: the only thing it writes is
// a small file in each directory, which it takes away again. It judges nothing itself.
package checkup

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"webhookd/internal/config"
	"webhookd/internal/doctor"
	"webhookd/internal/local"
	"webhookd/internal/natsbus"
	"webhookd/internal/store/postgres"
	"webhookd/internal/store/sqlite"
)

// Paths are where an installation keeps what is embedded; package app knows.
type Paths struct {
	Database string // file of the embedded database
	Spool    string // directory of the spool
}

// patience bounds the questions to one server.
const patience = 15 * time.Second

// Gather finds everything out. What cannot be found out is told in the facts; there is no error.
func Gather(ctx context.Context, cfg config.Config, paths Paths) doctor.Facts {
	facts := doctor.Facts{
		Now: time.Now(), OpenFiles: openFiles(), MostFiles: connections(cfg),
		Setup: doctor.Setup{
			Warnings: cfg.Warnings(), Address: cfg.Listen, Loopback: cfg.Loopback(),
			Guarded: len(cfg.WebhookSecrets) > 0 || cfg.Guarded(),
		},
	}
	for _, path := range cfg.SecretFiles() {
		facts.Secrets = append(facts.Secrets, doctor.SecretFile{Path: path, Open: readByOthers(path)})
	}
	facts.Disks = disks(cfg, paths)
	var (
		all    sync.WaitGroup
		clocks [2]*doctor.Clock
	)
	all.Go(func() { facts.Database, clocks[0] = database(ctx, cfg, paths) })
	all.Go(func() { facts.NATS, clocks[1] = broker(ctx, cfg) })
	all.Go(func() { facts.Ports = ports(ctx, cfg, paths) })
	all.Wait()
	for _, clock := range clocks {
		if clock != nil {
			facts.Clocks = append(facts.Clocks, *clock)
		}
	}
	settle(&facts)
	return facts
}

// connections are what all HTTP addresses of the service take together.
func connections(cfg config.Config) uint64 {
	addresses := uint64(1)
	if cfg.InternalListen != "" {
		addresses++
	}
	return addresses * uint64(max(0, cfg.MaxConnections))
}

// settle says of the embedded NATS server what its address tells: only where a webhookd listens it runs, and what else
// was asked there is somebody else's.
func settle(facts *doctor.Facts) {
	if !facts.NATS.Embedded {
		return
	}
	facts.NATS.Stopped = true
	for _, port := range facts.Ports {
		if port.Name == natsListen && port.Ours {
			facts.NATS.Stopped = false
		}
	}
	for i := range facts.Ports {
		if port := &facts.Ports[i]; port.Name == natsWebSocketListen && port.Taken && !facts.NATS.Stopped {
			port.By, port.Ours = "the NATS server of the running webhookd, as it seems", true
		}
	}
}

// Refused are the facts of a set-up that cannot be read.
func Refused(err error) doctor.Facts {
	return doctor.Facts{Now: time.Now(), Setup: doctor.Setup{Problem: err.Error()}}
}

func database(ctx context.Context, cfg config.Config, paths Paths) (doctor.Database, *doctor.Clock) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if cfg.DatabaseURL.Empty() {
		return sqlite.Inspect(ctx, paths.Database), nil
	}
	found, err := postgres.Inspect(ctx, cfg.DatabaseURL.Reveal())
	found.Where = cfg.DatabaseURL.String()
	if err != nil {
		found.Trouble, found.Problem = doctor.Broken, err.Error()
	}
	if found.Trouble != doctor.Fine {
		return found.Database, nil
	}
	return found.Database, &doctor.Clock{Whose: "The database", Ahead: found.Ahead, Blur: found.Blur}
}

func broker(ctx context.Context, cfg config.Config) (doctor.NATS, *doctor.Clock) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	reach, err := local.NATS(cfg, "")
	if err != nil {
		return doctor.NATS{
			Where: cfg.NATSListen, Embedded: true, Replicas: 1, Trouble: doctor.Broken, Problem: err.Error(),
		}, nil
	}
	reach.Replicas = cfg.NATSReplicas
	found := natsbus.Inspect(ctx, reach, cfg.NATSURL.Empty())
	// The embedded server is on this machine.
	if !found.Told || found.Embedded {
		return found.NATS, nil
	}
	return found.NATS, &doctor.Clock{Whose: "NATS", Ahead: found.Ahead, Blur: found.Blur}
}

func disks(cfg config.Config, paths Paths) []doctor.Disk {
	data := disk("data_dir", cfg.DataDir)
	spool := disk("spool_dir", paths.Spool)
	spool.Limit = cfg.SpoolLimit
	spool.Holds, spool.Damaged = spoolHolds(paths.Spool)
	if inside(paths.Spool, cfg.DataDir) && spool.Missing && data.Missing {
		// It is made together with the directory around it.
		data.Limit = spool.Limit
		return []doctor.Disk{data}
	}
	return []doctor.Disk{data, spool}
}

func inside(path, dir string) bool {
	relative, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(relative)
}
