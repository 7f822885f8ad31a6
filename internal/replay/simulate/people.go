package simulate

import "strconv"

// consultant is somebody who works with the PBX.
type consultant struct {
	id                                       string // a JSON number
	username, firstName, surname, display    string
	outboundName, outboundNumber, queueLabel string
}

// project is one of the PBX's.
type project struct{ id, name, number string }

// How large the made-up call centre is.
const (
	consultants = 240
	projects    = 12
)

var (
	firstNames = []string{
		"Anna", "Bartosz", "Celina", "Dariusz", "Ewa", "Filip", "Grażyna", "Hubert", "Iwona", "Jakub", "Katarzyna", "Łukasz",
		"Marta", "Norbert", "Olga", "Paweł", "Renata", "Sławomir", "Teresa", "Urszula", "Wojciech", "Zofia",
	}
	surnames = []string{
		"Kowalska", "Nowak", "Wrona", "Zięba", "Maj", "Wilk", "Lis", "Sikora", "Mazur", "Krawczyk", "Dąbek", "Pająk", "Gołąb",
		"Żuraw", "Bąk", "Kruk", "Sowa", "Rak", "Łoś", "Ćwik",
	}
	plainLetters = map[rune]rune{
		'ą': 'a', 'ć': 'c', 'ę': 'e', 'ł': 'l', 'ń': 'n', 'ó': 'o', 'ś': 's', 'ź': 'z', 'ż': 'z',
		'Ż': 'z', 'Ł': 'l', 'Ś': 's', 'Ć': 'c',
	}
	// mobilePrefixes begin Polish mobile numbers.
	mobilePrefixes = []string{"501", "512", "534", "571", "602", "661", "692", "725", "731", "783", "792", "880"}

	staff    = newStaff()
	mandates = newProjects()
)

func newStaff() []consultant {
	people := make([]consultant, consultants)
	for i := range people {
		first, last := firstNames[i%len(firstNames)], surnames[(i/2+i)%len(surnames)]
		people[i] = consultant{
			id:             strconv.Itoa(i + 1),
			username:       plain(first[:1]+last) + strconv.Itoa(i+1),
			firstName:      first,
			surname:        last,
			display:        "Konsultant " + first + " " + last,
			outboundName:   "Infolinia " + strconv.Itoa(i%projects+1),
			outboundNumber: "482230000" + strconv.Itoa(10+i%projects),
			queueLabel:     "kolejka_" + strconv.Itoa(i%projects+1),
		}
	}
	return people
}

func newProjects() []project {
	all := make([]project, projects)
	names := []string{"Infolinia", "Sprzedaż", "Reklamacje", "Windykacja", "Ankiety", "Kampania Wiosna"}
	for i := range all {
		all[i] = project{
			id:     strconv.Itoa(i + 1),
			name:   names[i%len(names)] + " " + strconv.Itoa(i+1),
			number: "482230000" + strconv.Itoa(10+i),
		}
	}
	return all
}

// plain gives a name as a user name: lower case, no accents.
func plain(name string) string {
	out := make([]rune, 0, len(name))
	for _, r := range name {
		if p, accented := plainLetters[r]; accented {
			r = p
		}
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		out = append(out, r)
	}
	return string(out)
}
