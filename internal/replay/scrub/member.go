package scrub

// kind says what a member of a webhook holds, and so what becomes of it.
type kind uint8

const (
	unknown   kind = iota // left out
	object                // looked into
	uuids                 // a UUID
	moment                // a time: kept
	word                  // one of the PBX's own words: kept
	words                 // a list of such
	count                 // a small number: kept
	address               // a number, or the name or address of a user
	username              // the name of a user
	name                  // of a person, or the number that stands in its place
	project               // the name of a project
	projectID             // an id that is a number or a text
	userID
	caseID
	campaignID
)

// inProject is the object that tells the project.
const inProject = "project"

// members says what is known of a webhook's members, wherever in it they stand. The PBX's documentation and docs/pbx.md
// name them; a new field of package dialog needs its line here (a test looks).
var members = map[string]kind{
	"event_type": word, "event_name": word, "event_time": moment, "dialog_uuid": uuids, "state": word, "close_cause": word,
	"meeting_uuid": uuids, "direction": word, "business_direction": word, "dialog_type": word, "media": words,
	"self_target": address, "self_name": name,
	"peer_target": address, "peer_name": name, "peer_type": word, "peer_project_name": project, "peer_username": username,
	"peer_firstname": name, "peer_surname": name,
	"from_display_name": name, "from_display_target": address, "to_display_name": name, "to_display_target": address,
	"caller_contact_address": address, "callee_contact_address": address, "caller_number": address,
	"initial_link_type": word, "initial_target_type": word,

	"initial_application_info": object, "caller_initial_application_info": object, "data": object, "type": word, "side": word,
	"mode": word, "contact_try": count, "consultant_try": count, "caller_dialog_uuid": uuids, "voice_campaign_id": campaignID,

	"tenant_user": object, "username": username, "display_name": name, "outbound_name": name, "outbound_number": address,
	"firstname": name, "surname": name,
	inProject: object, "anonymous": object, "presentation_number": address,
}

// kindOf says what a member is, in an object of that name ("" for the webhook itself).
func kindOf(parent, key string) kind {
	switch {
	case parent == inProject && key == "id":
		return projectID
	case key == "id" && parent == "tenant_user":
		return userID
	case key == "id" && parent == "data":
		return caseID
	case parent == inProject && key == "name":
		return project
	}
	return members[key]
}
