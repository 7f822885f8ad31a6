package web

var boardTexts = map[string]text{
	"board.title": {"Live", "Na żywo"},
	"board.today": {"Today", "Dzisiaj"},
	"board.noscript": {
		"This page moves by a script, and scripts are off in this browser. The history of calls needs none:",
		"Ta strona żyje dzięki skryptowi, a skrypty są w tej przeglądarce wyłączone. Historia rozmów ich nie potrzebuje:",
	},
	"board.state.begin": {"Connecting …", "Łączenie …"},
	"board.state.live":  {"Live", "Na żywo"},
	"board.state.stale": {
		"Out of date since {}: webhookd is cut off from NATS. Calls are still recorded; the board goes on by itself.",
		"Nieaktualne od {}: webhookd nie ma połączenia z NATS. Rozmowy są nadal zapisywane; tablica wznowi się sama.",
	},
	"board.state.lost": {
		"Out of date since {}: no connection to the server. What is shown is how it was then; it is tried again by itself.",
		"Nieaktualne od {}: brak połączenia z serwerem. Widać stan z tamtej chwili; połączenie wznowi się samo.",
	},
	"board.state.refused": {
		"Out of date since {}: the log-in is no longer valid. Log in again to go on.",
		"Nieaktualne od {}: logowanie wygasło. Zaloguj się ponownie, aby kontynuować.",
	},
	"board.announce": {
		"{} customers wait, the longest for {longest}.", "Czekający klienci: {}, najdłużej {longest}.",
	},
	"board.incomplete": {
		"Calls of the past are still being counted; figures of today are right once that is done.",
		"Trwa jeszcze liczenie dawnych rozmów; dzisiejsze liczby będą poprawne po jego zakończeniu.",
	},
	"board.unasked": {
		"The figures of today could not be asked at {}; those shown are older. Calls go on being shown.",
		"O {} nie udało się pobrać dzisiejszych liczb; widoczne są starsze. Rozmowy są nadal pokazywane.",
	},
	"board.full.enter": {"Full screen", "Pełny ekran"},
	"board.full.leave": {"Leave full screen", "Zamknij pełny ekran"},

	"lane.waiting": {"Customer waits", "Klient czeka"},
	"lane.ringing": {"Rings", "Dzwoni"},
	"lane.talking": {"Talk", "Rozmawiają"},
	"lane.held":    {"On hold", "Wstrzymane"},
	"board.ended":  {"Just ended", "Przed chwilą zakończone"},
	"board.nobody": {"number not known", "numer nieznany"},
	"board.bot":    {"bot", "bot"},
	"board.by":     {"hung up: {}", "rozłączył: {}"},

	"board.longest_now": {"Longest wait now", "Najdłużej teraz"},
	"board.offered":     {"Offered", "Oferowane"},
	"board.offered.h": {
		"Inbound calls of today that asked for a person and have ended", "Dzisiejsze zakończone rozmowy przychodzące, które chciały człowieka",
	},
	"board.answered":   {"Answered", "Odebrane"},
	"board.answered.h": {"Of those, answered by somebody", "Z nich odebrane przez kogoś"},
	"board.abandoned":  {"Abandoned", "Porzucone"},
	"board.abandoned.h": {
		"Of those, given up by the customer while waiting", "Z nich przerwane przez czekającego klienta",
	},
	"board.missed":    {"Missed", "Nieodebrane"},
	"board.missed.h":  {"Of those, answered by nobody: abandoned or not", "Z nich nieodebrane przez nikogo, porzucone lub nie"},
	"board.service":   {"Service level", "Poziom obsługi"},
	"board.service.h": {"Answered in time ÷ (answered + abandoned after the short ones); Statistics says the times", "Odebrane w czasie ÷ (odebrane + porzucone bez krótkich); czasy podają Statystyki"},
	"board.asa":       {"Speed of answer", "Czas odebrania"},
	"board.asa.h":     {"How long the answered ones waited, on average", "Ile średnio czekały odebrane"},
	"board.talk":      {"Average talk", "Średnia rozmowa"},
	"board.talk.h":    {"Without the time on hold", "Bez wstrzymania"},
	"board.longest":   {"Longest today", "Najdłużej dziś"},
	"board.longest.h": {"Of an inbound call of today", "Rozmowy przychodzącej dzisiaj"},
	"board.outbound":  {"Other calls", "Inne rozmowy"},
	"board.outbound.h": {
		"Outbound and internal calls of today that have ended", "Dzisiejsze zakończone rozmowy wychodzące i wewnętrzne",
	},

	"board.people": {"Consultants", "Konsultanci"},
	"board.people.none": {
		"No consultant has had a call today.", "Żaden konsultant nie miał dziś rozmowy.",
	},
	"board.people.name":     {"Name", "Nazwa"},
	"board.people.state":    {"Now", "Teraz"},
	"board.people.call":     {"Call with", "Rozmowa z"},
	"board.people.time":     {"For", "Od"},
	"board.people.answered": {"Answered today", "Odebrane dziś"},
	"board.person.free":     {"no call", "bez rozmowy"},
	"board.person.ringing":  {"rings", "dzwoni"},
	"board.person.talking":  {"talks", "rozmawia"},
	"board.person.held":     {"has on hold", "wstrzymał"},

	"board.thresholds": {"Colour a waiting call", "Oznacz czekającą rozmowę kolorem"},
	"board.warn":       {"yellow after s", "żółtym po s"},
	"board.late":       {"red after s", "czerwonym po s"},
	"board.apply":      {"Apply", "Zastosuj"},
}
