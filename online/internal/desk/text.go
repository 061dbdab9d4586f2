package desk

import (
	_ "embed"
	"strings"
	"sync"
)

// englishText is every text of the desk, one a line.
//
//go:embed english.txt
var englishText string

// english is the same by name.
var english = sync.OnceValue(func() map[string]string {
	texts := map[string]string{}
	for line := range strings.Lines(englishText) {
		name, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if ok && name != "#" {
			texts[name] = text
		}
	}
	return texts
})

// text gives the English of a name. A name without English gives the name itself,
// and a test looks for those.
func text(name string) string {
	if s, ok := english()[name]; ok {
		return s
	}
	return name
}
