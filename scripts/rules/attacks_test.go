package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each half's table of attack cases has every number of its own once, and each test and
// script that it names exists.
func TestAttacksAreTested(t *testing.T) {
	attacks(t, "offline", func(n int) bool { return n < 54 || n > 62 && n < 71 || n > 73 && n < 81 })
	attacks(t, "online", func(n int) bool { return n > 84 && n < 88 || n > 94 && n < 106 || n > 107 && n < 119 })
}

func attacks(t *testing.T, half string, wants func(int) bool) {
	raw, err := os.ReadFile(filepath.Join(root, half, "ATTACKS.md"))
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{} // the tests of a folder
	named := regexp.MustCompile("`([^`]+)`")
	rows := map[string]bool{}
	for _, line := range strings.Split(string(raw), "\n") {
		col := strings.Split(line, "|")
		if len(col) != 6 || !regexp.MustCompile(`^ \d{2,3} $`).MatchString(col[1]) {
			continue
		}
		number := strings.TrimSpace(col[1])
		if rows[number] {
			t.Errorf("ATT-%s stands there twice", number)
		}
		rows[number] = true
		proofs := named.FindAllStringSubmatch(col[4], -1)
		if len(proofs) == 0 || strings.TrimSpace(col[2]) == "" || strings.TrimSpace(col[3]) == "" {
			t.Errorf("ATT-%s is not told or has no proof", number)
		}
		for _, p := range proofs {
			dir, test, isTest := strings.Cut(p[1], " ")
			if !isTest {
				if _, err := os.Stat(filepath.Join(root, half, "testdata", "script", dir)); err != nil {
					t.Errorf("ATT-%s: there is no script %s", number, dir)
				}
				continue
			}
			if _, read := sources[dir]; !read {
				files, _ := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
				for _, f := range files {
					text, err := os.ReadFile(f)
					if err != nil {
						t.Fatal(err)
					}
					sources[dir] += string(text)
				}
			}
			if !strings.Contains(sources[dir], "\nfunc "+test+"(t *testing.T)") {
				t.Errorf("ATT-%s: %s has no test %s", number, dir, test)
			}
		}
	}
	for n := range 130 {
		if number := fmt.Sprintf("%02d", n); rows[number] != (n > 0 && wants(n)) {
			t.Errorf("%s: ATT-%s: in the table %v", half, number, rows[number])
		}
	}
}
