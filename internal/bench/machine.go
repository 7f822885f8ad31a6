package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine is what the figures were measured on.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_mib"`
	Kernel string `json:"kernel"`
	Disk   string `json:"disk"`
	SyncUS int64  `json:"sync_us"` // median of writing 8 KiB and fsync
	Go     string `json:"go"`
	NATS   string `json:"nats"`
}

const unknown = "unknown"

// describeMachine leaves out whatever would tell whose machine it is.
func (b *bench) describeMachine(ctx context.Context) (machine, error) {
	m := machine{
		CPU: cpuModel(), Cores: runtime.NumCPU(), Memory: memoryMiB(), Kernel: unknown, Disk: unknown,
		Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
	}
	if out, err := execute(ctx, "uname", program(ctx, "uname", "-sr")); err == nil {
		m.Kernel = firstLine(out)
	}
	if out, err := execute(ctx, "stat", program(ctx, "stat", "-f", "-c", "%T", b.dir)); err == nil {
		m.Disk = firstLine(out)
	}
	out, err := execute(ctx, "nats-server", program(ctx, b.natsServer, "--version"))
	if err != nil {
		return m, err
	}
	m.NATS = strings.TrimPrefix(firstLine(out), "nats-server: ")
	took, err := syncTime(b.dir)
	m.SyncUS = took.Microseconds()
	return m, err
}

// syncTime measures what a small durable write costs here: it bounds every transaction.
func syncTime(dir string) (time.Duration, error) {
	const times, page = 101, 8 << 10
	file, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, fmt.Errorf("measure fsync: %w", err)
	}
	defer func() { _ = file.Close() }()
	took := make([]float64, 0, times)
	for range times {
		start := time.Now()
		if _, err := file.WriteAt(make([]byte, page), 0); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		if err := file.Sync(); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		took = append(took, float64(time.Since(start)))
	}
	return time.Duration(median(took)), nil
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func memoryMiB() int64 {
	kib, err := memoryLine("/proc/meminfo", "MemTotal")
	if err != nil {
		return 0
	}
	return kib >> 10
}

// memoryLine reads a line like "MemTotal: 123 kB".
func memoryLine(path, name string) (kib int64, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		rest, found := strings.CutPrefix(line, name+":")
		if !found {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read memory: %w", err)
		}
		return kib, nil
	}
	return 0, fmt.Errorf("read memory: no %s", name)
}

func firstLine(out []byte) string {
	line, _, _ := bytes.Cut(out, []byte{'\n'})
	return strings.TrimSpace(string(line))
}
