package doctor

import (
	"slices"
	"strings"
	"time"
)

const (
	leastFree   = 256 << 20 // bytes
	slowSync    = 50 * time.Millisecond
	nearlyFull  = 8 // tenths of spool_limit
	tenth       = 10
	smallShare  = 20 // a disk with less than one part in so many free is nearly full
	enoughBytes = 10 << 30
)

var networkDisks = []string{"nfs", "cifs", "smb", "9p", "ceph", "fuse.sshfs", "fuse.s3fs", "glusterfs"}

func (r *report) disk(d Disk) {
	before := len(r.findings)
	what := d.Name + " " + d.Path
	if d.Problem != "" {
		id := "disk_unwritable"
		if d.Full {
			id = "disk_full"
		}
		r.addf(id, "%s cannot be written to (%s): the service does not start, or takes no webhooks while the database is away.",
			what, d.Problem)
	}
	if d.Owner != "" {
		r.addf("disk_other_user", "%s belongs to %s, and doctor runs as root, who may do everything: what is said of it here may "+
			"not hold for the service.", what, d.Owner)
	}
	r.room(what, d)
	if d.Problem == "" && d.Sync >= slowSync {
		r.addf("disk_slow", "%s takes %s to confirm a small write: every group of webhooks waits for that.", what, rounded(d.Sync))
	}
	switch {
	case slices.ContainsFunc(networkDisks, func(kind string) bool { return strings.HasPrefix(d.Kind, kind) }):
		r.addf("disk_network", "%s is on a network (%s): locks and confirmed writes are not to be relied on there.", what, d.Kind)
	case d.Kind == "tmpfs" || d.Kind == "ramfs":
		r.addf("disk_memory", "%s is in memory (%s): webhooks that were acknowledged are lost when the machine stops.",
			what, d.Kind)
	}
	if d.Open && !d.Missing {
		r.addf("disk_open", "%s can be entered by other users: they may read calls there.", what)
	}
	r.spool(what, d)
	switch {
	case r.bad(before):
	case d.Missing:
		r.addf("disk_ok", "%s is not there yet and can be made; %s are free, a small write is on disk within %s.",
			what, size(d.Free),
			rounded(d.Sync))
	default:
		r.addf("disk_ok", "%s can be written to; %s are free, a small write is on disk within %s.",
			what, size(d.Free), rounded(d.Sync))
	}
}

// room says whether there is enough of it.
func (r *report) room(what string, d Disk) {
	if d.Total == 0 || d.Full {
		return
	}
	grows := uint64(max(0, d.Limit-d.Holds))
	switch {
	case d.Free < leastFree:
		r.addf("disk_full", "%s has only %s free: writes fail soon.", what, size(d.Free))
	case d.Limit > 0 && d.Free < grows+leastFree:
		r.addf("disk_low", "%s has %s free, but the spool may grow by %s: in a long outage of the database it would not have "+
			"the room that spool_limit promises.", what, size(d.Free), size(grows))
	case d.Free < d.Total/smallShare && d.Free < enoughBytes:
		r.addf("disk_low", "%s has only %s of %s free.", what, size(d.Free), size(d.Total))
	}
}

func (r *report) spool(what string, d Disk) {
	if d.Limit > 0 && d.Holds*tenth >= d.Limit*nearlyFull {
		r.addf("spool_nearly_full", "The spool in %s holds %s of the %s that it may: beyond that webhooks are refused with 503.",
			what, size(d.Holds), size(d.Limit))
	}
	if d.Damaged > 0 {
		r.addf("spool_damaged", "%d damaged files were set aside in %s: webhooks may be in them that are nowhere else.",
			d.Damaged, what)
	}
}
