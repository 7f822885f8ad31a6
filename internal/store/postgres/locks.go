package postgres

// The advisory locks of an installation, as SQL: numbers made of a name and the schema's, since advisory locks belong
// to the whole database.
const (
	leadLock    = `hashtextextended('webhookd lead ' || current_schema(), 0)`
	migrateLock = `hashtextextended('webhookd migrate ' || current_schema(), 0)`
)
