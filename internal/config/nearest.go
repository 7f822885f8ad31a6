package config

import "strings"

// nearest gives ", did you mean NAME?" for the known name that is most like a given one, or "" if none is. A prefix that
// all of them have makes none more like another.
func nearest(given, prefix string, known []string) string {
	given = strings.TrimPrefix(given, prefix)
	best, distance := "", len(given)/3+1
	for _, name := range known {
		if d := editDistance(given, strings.TrimPrefix(name, prefix)); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return ", did you mean " + best + "?"
}

// editDistance is Levenshtein's, over bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
