package doctor

import "fmt"

// Examine judges the facts. The findings come subject by subject, in the order of docs/doctor.md; where a set-up cannot
// be read there is nothing else to be said.
func Examine(f Facts) []Finding {
	r := &report{}
	r.setup(f.Setup)
	if f.Setup.Problem != "" {
		return r.findings
	}
	r.secrets(f.Setup, f.Secrets)
	r.clock(f.Now, f.Clocks)
	for _, d := range f.Disks {
		r.disk(d)
	}
	r.database(f.Database)
	r.nats(f.NATS)
	for _, p := range f.Ports {
		r.port(p)
	}
	r.limits(f.OpenFiles, f.MostFiles)
	return r.findings
}

func (r *report) setup(s Setup) {
	switch {
	case s.Problem != "":
		r.addf("config_invalid", "The set-up is refused: %s.", s.Problem)
	default:
		r.addf("config_ok", "The set-up can be read and holds together.")
	}
}

func (r *report) secrets(s Setup, files []SecretFile) {
	before := len(r.findings)
	for _, warning := range s.Warnings {
		r.addf("secret_weak", "%s.", warning)
	}
	for _, file := range files {
		if file.Open {
			r.addf("secret_file_open", "%s holds secrets, and every user of this machine may read it.", file.Path)
		}
	}
	switch {
	case r.bad(before):
	case !s.Guarded:
		r.addf("secrets_none", "Webhooks need no secret: %s is reached from this machine only. "+
			"Any other address will need one.", s.Address)
	default:
		r.addf("secrets_ok", "Webhooks need a secret, all secrets are long enough, and no other user may read their files.")
	}
}

// ownFiles is what database, NATS and files need beside the connections.
const ownFiles = 256

func (r *report) limits(files, connections uint64) {
	switch {
	case files == 0:
	case files < ownFiles:
		r.addf("limits_few_files", "Only %d files may be open: webhookd needs %d for itself, and one more for each connection.",
			files, ownFiles)
	case files < connections+ownFiles:
		r.addf("limits_files", "Only %d files may be open: with %d connections, which webhookd takes, new ones will fail "+
			"(%d are enough).", files, connections, connections+ownFiles)
	default:
		r.addf("limits_ok", "%d files may be open (of a process that is started as this one; the service may have another limit).",
			files)
	}
}

func (r *report) port(p Port) {
	switch {
	case p.Problem != "":
		r.addf("port_impossible", "%s: nobody can listen on %s here: %s.", p.Name, p.Address, p.Problem)
	case p.Ours:
		r.addf("port_ours", "%s: %s is served by %s.", p.Name, p.Address, p.By)
	case p.Taken:
		by := "something that is not webhookd"
		if p.By != "" {
			by = p.By
		}
		r.addf("port_taken", "%s: %s is taken by %s: the service cannot start.", p.Name, p.Address, by)
	default:
		r.addf("port_free", "%s: %s is free.", p.Name, p.Address)
	}
}

// size writes a number of bytes for people.
func size[T int64 | uint64 | int32](bytes T) string {
	const unit = 1024
	value, units := float64(bytes), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for value >= unit && len(units) > 1 {
		value, units = value/unit, units[1:]
	}
	if units[0] == "B" || value >= 100 {
		return fmt.Sprintf("%.0f %s", value, units[0])
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}
