package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit in which Linux tells processor time to programs.
const tick = 10 * time.Millisecond

// usage is the processor time spent so far, by process with all below it, and by the whole machine.
type usage struct {
	at      time.Time
	by      map[string]time.Duration
	machine time.Duration
	ours    time.Duration // of this process and all below it
}

// readUsage looks at processes. Where there is no /proc it gives nothing, and the figures are left out.
func readUsage(pids map[string]int) (usage, error) {
	u := usage{at: time.Now(), by: map[string]time.Duration{}}
	tree, err := readTree()
	if err != nil {
		return usage{}, err
	}
	for name, pid := range pids {
		u.by[name] = tree.time(pid)
	}
	u.ours = tree.time(os.Getpid())
	u.machine, err = machineTime()
	return u, err
}

// tree is all processes of the machine.
type tree struct {
	spent    map[int]time.Duration // with that of children which have ended
	children map[int][]int
}

func (t tree) time(pid int) time.Duration {
	sum := t.spent[pid]
	for _, child := range t.children[pid] {
		sum += t.time(child)
	}
	return sum
}

func readTree() (tree, error) {
	t := tree{spent: map[int]time.Duration{}, children: map[int][]int{}}
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(found) == 0 {
		return t, errors.Join(errors.New("read processes: there is no /proc"), err)
	}
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, parent, spent, err := parseStat(string(text))
		if err != nil {
			return t, err
		}
		t.spent[pid] = spent
		t.children[parent] = append(t.children[parent], pid)
	}
	return t, nil
}

// parseStat reads /proc/<pid>/stat: pid (name) state parent … utime stime cutime cstime, the latter being the fields 14
// to 17. The name may hold anything.
func parseStat(text string) (pid, parent int, spent time.Duration, err error) {
	head, _, _ := strings.Cut(text, " ")
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const parentAt, utimeAt, cstimeAt = 1, 11, 14
	if len(fields) <= cstimeAt {
		return 0, 0, 0, fmt.Errorf("read process: %q", text)
	}
	pid, pidErr := strconv.Atoi(head)
	parent, parentErr := strconv.Atoi(fields[parentAt])
	if err := errors.Join(pidErr, parentErr); err != nil {
		return 0, 0, 0, fmt.Errorf("read process: %w", err)
	}
	for _, field := range fields[utimeAt : cstimeAt+1] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, 0, 0, fmt.Errorf("read process: %w", err)
		}
		spent += time.Duration(ticks) * tick
	}
	return pid, parent, spent, nil
}

// machineTime is what all processors have spent on anything: user, nice, system, irq, softirq and what another guest
// took (steal).
func machineTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read processors: %w", err)
	}
	fields := strings.Fields(firstLine(text))
	const stealAt = 8
	if len(fields) <= stealAt {
		return 0, fmt.Errorf("read processors: %q", firstLine(text))
	}
	var sum time.Duration
	for _, at := range []int{1, 2, 3, 6, 7, stealAt} {
		ticks, err := strconv.ParseInt(fields[at], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processors: %w", err)
		}
		sum += time.Duration(ticks) * tick
	}
	return sum, nil
}

// spent is what was used between two looks: microseconds of each process for one webhook, and how many processors were
// busy with what is not ours.
func (u usage) spent(since usage, webhooks int64) (each map[string]float64, others float64) {
	each = map[string]float64{}
	for name, now := range u.by {
		each[name] = float64((now - since.by[name]).Microseconds()) / float64(max(webhooks, 1))
	}
	passed := u.at.Sub(since.at)
	if passed <= 0 {
		return each, 0
	}
	foreign := (u.machine - since.machine) - (u.ours - since.ours)
	return each, max(0, float64(foreign)/float64(passed))
}

// residentMiB is the memory that a process has in use.
func residentMiB(pid int) (float64, error) {
	kib, err := memoryLine(fmt.Sprintf("/proc/%d/status", pid), "VmRSS")
	const kibInMiB = 1024
	return float64(kib) / kibInMiB, err
}
