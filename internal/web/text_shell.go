package web

var shellTexts = map[string]text{
	"shell.skip":       {"Skip to the content", "Przejdź do treści"},
	"shell.navigation": {"Pages", "Strony"},
	"shell.settings":   {"Settings", "Ustawienia"},
	"shell.language":   {"Language", "Język"},
	"shell.theme":      {"Colours", "Kolory"},
	"shell.login":      {"Log in", "Zaloguj się"},
	"shell.logout":     {"Log out", "Wyloguj się"},
	"shell.account":    {"Account: %s", "Konto: %s"},
	"shell.zone":       {"Times are in %s.", "Godziny w strefie %s."},
	"shell.version":    {"webhookd %s", "webhookd %s"},
	"shell.api":        {"Routes of the API", "Ścieżki API"},
	"theme.auto":       {"System", "Systemowe"},
	"theme.light":      {"Light", "Jasne"},
	"theme.dark":       {"Dark", "Ciemne"},
	"nav.board":        {"Live", "Na żywo"},
	"nav.calls":        {"Calls", "Rozmowy"},
	"nav.stats":        {"Statistics", "Statystyki"},
	"nav.handlers":     {"Handlers", "Reguły"},
	"nav.quarantine":   {"Quarantine", "Kwarantanna"},
	"duration.s":       {"%d s", "%d s"},
	"duration.min":     {"%d min %02d s", "%d min %02d s"},
	"duration.h":       {"%d h %02d min %02d s", "%d godz. %02d min %02d s"},
}

var loginTexts = map[string]text{
	"login.title": {"Log in", "Logowanie"},
	"login.lead": {
		"The calls are shown to those who have a read token. Ask whoever runs webhookd for one.",
		"Rozmowy widzą osoby, które mają token odczytu. Poproś o niego osobę, która prowadzi webhookd.",
	},
	"login.token": {"Read token or API key", "Token odczytu lub klucz API"},
	"login.hint": {
		"A read token shows; an API key may also change handlers and empty the quarantine.",
		"Token odczytu pozwala patrzeć; klucz API pozwala też zmieniać reguły i opróżniać kwarantannę.",
	},
	"login.submit": {"Log in", "Zaloguj się"},
	"login.refused": {
		"That is neither a read token nor an API key that is valid here, so nothing is shown. Check it and try again.",
		"To nie jest ważny tu token odczytu ani klucz API, więc nic nie zostanie pokazane. Sprawdź go i spróbuj ponownie.",
	},
	"login.none": {
		"No read token is configured, so nobody can log in. Whoever runs webhookd adds one under read_tokens.",
		"Nie skonfigurowano żadnego tokenu odczytu, więc nikt nie może się zalogować. " +
			"Osoba, która prowadzi webhookd, dodaje go w read_tokens.",
	},
	"login.again.title": {"One moment", "Chwileczkę"},
	"login.again": {
		"You came here from another site. If the page does not open by itself:",
		"Przechodzisz tu z innej strony. Jeśli strona nie otworzy się sama:",
	},
	"login.again.link": {"open it", "otwórz ją"},
}

var problemTexts = map[string]text{
	"problem.title.400": {"The question is not clear", "Pytanie jest niejasne"},
	"problem.title.401": {"Not logged in", "Brak logowania"},
	"problem.title.403": {"Not allowed", "Brak uprawnień"},
	"problem.title.404": {"Nothing is here", "Nic tu nie ma"},
	"problem.title.409": {"It cannot be done now", "Teraz nie można tego zrobić"},
	"problem.title.500": {"Something failed", "Coś się nie udało"},
	"problem.title.503": {"Not available right now", "Chwilowo niedostępne"},
	"problem.text.400": {
		"The address or the form holds something that cannot be used. Nothing was changed. Go back and correct it.",
		"Adres lub formularz zawiera coś, czego nie można użyć. Nic się nie zmieniło. Wróć i popraw.",
	},
	"problem.text.401": {"Log in to see this page.", "Zaloguj się, aby zobaczyć tę stronę."},
	"problem.text.403": {
		"You may not do this. Nothing was changed.", "Nie wolno Ci tego zrobić. Nic się nie zmieniło.",
	},
	"problem.text.404": {
		"There is no such page, or what it was about is not kept here. Nothing was lost.",
		"Nie ma takiej strony albo tego, o czym mówiła, tu nie przechowujemy. Nic nie zginęło.",
	},
	"problem.text.409": {
		"What is kept does not allow it. Nothing was changed.", "Zapisane dane na to nie pozwalają. Nic się nie zmieniło.",
	},
	"problem.text.500": {
		"Something failed that should not have. It is in the log of webhookd under the number below.",
		"Zawiodło coś, co nie powinno. Szczegóły są w dzienniku webhookd pod numerem poniżej.",
	},
	"problem.text.503": {
		"The database cannot be asked right now. Nothing was lost or changed; webhooks are still taken. Try again soon.",
		"Nie można teraz zapytać bazy danych. Nic nie zginęło ani się nie zmieniło; webhooki są nadal przyjmowane. " +
			"Spróbuj za chwilę.",
	},
	"problem.details": {"Details", "Szczegóły"},
	"problem.request": {"Request %s", "Zapytanie %s"},
	"problem.home":    {"To the calls", "Do rozmów"},
}
