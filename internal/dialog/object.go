package dialog

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// members calls each for every member of a JSON object, with the key unquoted and the value as it stands. The object
// must be valid JSON; keys are matched exactly, which encoding/json's structs do not do.
func members(object []byte, each func(key string, value []byte)) {
	i := skipSpace(object, 1) // after the brace
	for object[i] != '}' {
		end := skipString(object, i)
		key := text(object[i:end])
		i = skipSpace(object, end)
		i = skipSpace(object, i+1) // after the colon
		end = skipValue(object, i)
		each(key, object[i:end])
		i = skipSpace(object, end)
		if object[i] == ',' {
			i = skipSpace(object, i+1)
		}
	}
}

func skipSpace(data []byte, i int) int {
	for data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r' {
		i++
	}
	return i
}

// skipString gives the place behind the string that begins at i.
func skipString(data []byte, i int) int {
	for i++; ; i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// skipValue gives the place behind the value that begins at i.
func skipValue(data []byte, i int) int {
	switch data[i] {
	case '"':
		return skipString(data, i)
	case '{', '[':
		return skipNested(data, i)
	}
	for i < len(data) && strings.IndexByte(",]} \t\r\n", data[i]) < 0 {
		i++
	}
	return i
}

func skipNested(data []byte, i int) int {
	for depth := 0; ; {
		switch data[i] {
		case '"':
			i = skipString(data, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
		i++
	}
}

// text gives what a JSON string says, with U+FFFD for what is no UTF-8 and for NUL.
func text(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var value string
	if json.Unmarshal(quoted, &value) != nil {
		return "" // not reached: the string is valid JSON
	}
	return strings.ReplaceAll(value, "\x00", "\uFFFD")
}

// absent says that a value is null, an empty text, or not there.
func absent(value []byte) bool {
	return len(value) == 0 || value[0] == 'n' || string(value) == `""`
}
