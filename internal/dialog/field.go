package dialog

// Field is one thing that webhooks tell of a dialog and that is merged over all of its webhooks (design §3).
type Field uint8

// The fields. Their numbers are persistent (stored evidence holds them): a new field goes to the end.
const (
	Direction Field = iota
	BusinessDirection
	DialogType
	SelfTarget
	SelfName
	PeerTarget
	PeerName
	FromDisplayTarget
	ToDisplayTarget
	CallerContactAddress
	CalleeContactAddress
	ApplicationType
	ApplicationSide
	CaseID
	ContactTry
	CallerDialogUUID
	UserID
	UserUsername
	UserDisplayName
	UserOutboundName
	UserFirstName
	UserSurname
	ProjectID
	ProjectName
	AnonymousName
	FieldCount // how many there are
)

// form says how a field's value is read.
type form uint8

const (
	formText form = iota // a text, kept as it is
	formWord             // a text of an open set, in upper case
	formUUID             // a UUID, in lower case
	formID               // a number or a text, kept as JSON
)

// fields says where each field stands in a webhook and how it is read. Adding a field is a line here (and its use).
var fields = [FieldCount]struct {
	path string
	form form
}{
	Direction:            {"direction", formWord},
	BusinessDirection:    {"business_direction", formWord},
	DialogType:           {"dialog_type", formWord},
	SelfTarget:           {"self_target", formText},
	SelfName:             {"self_name", formText},
	PeerTarget:           {"peer_target", formText},
	PeerName:             {"peer_name", formText},
	FromDisplayTarget:    {"from_display_target", formText},
	ToDisplayTarget:      {"to_display_target", formText},
	CallerContactAddress: {"caller_contact_address", formText},
	CalleeContactAddress: {"callee_contact_address", formText},
	ApplicationType:      {"initial_application_info.type", formWord},
	ApplicationSide:      {"initial_application_info.side", formWord},
	CaseID:               {"initial_application_info.data.id", formID},
	ContactTry:           {"initial_application_info.data.contact_try", formID},
	CallerDialogUUID:     {"initial_application_info.data.caller_dialog_uuid", formUUID},
	UserID:               {"tenant_user.id", formID},
	UserUsername:         {"tenant_user.username", formText},
	UserDisplayName:      {"tenant_user.display_name", formText},
	UserOutboundName:     {"tenant_user.outbound_name", formText},
	UserFirstName:        {"tenant_user.firstname", formText},
	UserSurname:          {"tenant_user.surname", formText},
	ProjectID:            {"project.id", formID},
	ProjectName:          {"project.name", formText},
	AnonymousName:        {"anonymous.display_name", formText},
}

// byPath finds a field by its path. parents are the objects that hold fields; only these are looked into.
var byPath, parents = index()

func index() (byPath map[string]Field, parents map[string]bool) {
	byPath, parents = map[string]Field{}, map[string]bool{}
	for field := range FieldCount {
		path := fields[field].path
		byPath[path] = field
		for i := range len(path) {
			if path[i] == '.' {
				parents[path[:i]] = true
			}
		}
	}
	return byPath, parents
}

// String is the field's path in a webhook, for example "tenant_user.id".
func (f Field) String() string { return fields[f].path }

// FieldNamed finds a field by its path.
func FieldNamed(path string) (Field, bool) {
	field, ok := byPath[path]
	return field, ok
}

// IsText says that the field's value is a text that is kept as it is: a number, an address or a name.
func (f Field) IsText() bool { return fields[f].form == formText }
