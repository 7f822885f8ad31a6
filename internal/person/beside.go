package person

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// The members that are a person's where they stand beside the number. Case and _, - and spaces in keys do not matter.
var (
	wholeNames = []string{
		"displayname", "fullname", "nickname", "contactname", "customername", "clientname", "callername", "personname",
		"imienazwisko", "imieinazwisko",
	}
	firstNames  = []string{"firstname", "givenname", "forename", "imie"}
	middleNames = []string{"middlename", "secondname"}
	lastNames   = []string{"lastname", "surname", "familyname", "nazwisko"}
	mails       = []string{"email", "emails", "mail", "emailaddress", "mailaddress"}
	addresses   = []string{
		"address", "addressline1", "addressline2", "street", "streetaddress", "postaladdress", "homeaddress",
		"adres", //nolint:misspell // Polish
	}
	// numberKeys say that a number is somebody's, where they are in a key. Only then a bare "name" beside it is a person's:
	// beside what something is sent to it is that of a handler, or of a flow.
	numberKeys = []string{"phone", "number", "mobile", "msisdn", "telefon", "contactaddress"}
)

// levels is how far above the number, in an object around the one that it stands in, names are looked for.
const levels = 2

// beside is what is known of a number in an object or a list.
type beside struct {
	levels int  // how many objects above may tell the names yet; 0: there is no number, or its names were found
	number bool // it stands under one of numberKeys
}

// namesBeside gives the names, and addresses of mail and of the post, that stand in the smallest object that holds a number.
// Of a dialog's webhook itself only the pairs tell whose a name is: it tells of both parties.
func namesBeside(body []byte, numbers Finder) []string {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil
	}
	t := teller{numbers: numbers}
	t.in("", value)
	return t.names
}

type teller struct {
	numbers Finder
	names   []string
}

func (t *teller) in(key string, value any) beside {
	switch value := value.(type) {
	case map[string]any:
		return t.object(value)
	case []any:
		var found beside
		for _, one := range value {
			of := t.in(key, one)
			found.levels, found.number = max(found.levels, of.levels), found.number || of.number
		}
		return found
	case string:
		return t.number(key, value)
	case json.Number:
		return t.number(key, value.String())
	}
	return beside{}
}

func (t *teller) number(key, text string) beside {
	if !isTheirs(text, t.numbers) {
		return beside{}
	}
	return beside{levels, ofNumber(key)}
}

func (t *teller) object(members map[string]any) beside {
	var found beside
	for key, value := range members {
		if ofTheHouse(key) {
			continue
		}
		of := t.in(key, value)
		if of.levels > 0 && ofNumber(key) {
			of.number = true
		}
		found.levels, found.number = max(found.levels, of.levels), found.number || of.number
	}
	if found.levels == 0 {
		return found
	}
	if _, dialog := members["dialog_uuid"]; dialog {
		return beside{}
	}
	if t.take(members, found.number) {
		return beside{}
	}
	found.levels--
	return found
}

// take takes the names of an object, and says whether there are any.
func (t *teller) take(members map[string]any, named bool) bool {
	var first, middle, last string
	before := len(t.names)
	for key, value := range members {
		text, _ := value.(string)
		switch plain := plainKey(key); {
		case slices.Contains(firstNames, plain):
			first = text
		case slices.Contains(middleNames, plain):
			middle = text
		case slices.Contains(lastNames, plain):
			last = text
		case slices.Contains(wholeNames, plain), plain == "name" && named:
			t.names = append(t.names, text)
		case slices.Contains(mails, plain) || strings.HasSuffix(plain, "email"):
			t.mails(value)
		case slices.Contains(addresses, plain):
			t.addresses(value)
		}
	}
	t.names = append(t.names, inOrders(first, middle, last)...)
	t.names = slices.DeleteFunc(t.names, func(name string) bool { return strings.TrimSpace(name) == "" })
	return len(t.names) > before
}

func (t *teller) mails(value any) {
	switch value := value.(type) {
	case string:
		t.names = append(t.names, value, strings.ToLower(value))
	case []any:
		for _, one := range value {
			if text, ok := one.(string); ok {
				t.mails(text)
			}
		}
	}
}

func (t *teller) addresses(value any) {
	switch value := value.(type) {
	case string:
		t.names = append(t.names, value)
	case []any:
		for _, one := range value {
			t.addresses(one)
		}
	case map[string]any:
		for key, one := range value {
			if text, ok := one.(string); ok && slices.Contains(addresses, plainKey(key)) {
				t.names = append(t.names, text)
			}
		}
	}
}

var keyMarks = strings.NewReplacer("_", "", "-", "", " ", "")

func plainKey(key string) string { return keyMarks.Replace(strings.ToLower(key)) }

// ofNumber says whether a key is that of somebody's number.
func ofNumber(key string) bool {
	plain := plainKey(key)
	return plain == "tel" || plain == "urn" ||
		slices.ContainsFunc(numberKeys, func(part string) bool { return strings.Contains(plain, part) })
}
