package slip39

import (
	_ "embed"
	"strings"
)

//go:embed words.txt
var words string

// list is the word list of SLIP-0039, in alphabetical order: a word's place is its
// value, and its first four letters are no other's.
func list() []string { return strings.Fields(words) }
