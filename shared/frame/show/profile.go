package show

import (
	"strings"

	"coldsign/shared/fault"
)

// Profile says how dense and how fast codes are shown.
type Profile struct {
	Name, About   string
	Format        string // that the reader needs: "ur", "bbqr"; "" for any
	Version       int    // the largest
	Fragment      int    // of a UR, bytes of a piece; 0 as many as fit
	Columns, Rows int
	PerSecond     float64 // pictures
}

// Profiles lists the presets. A camera of 30 pictures a second sees each of 15
// shown ones; more are lost. Those of devices follow what their makers publish (Keystone, Sparrow, SeedSigner, Coldcard) or are cautious guesses.
func Profiles() []Profile {
	return []Profile{
		{"default", "a webcam at 720p or more", "", 27, 0, 1, 1, 12},
		{"terminal", "half blocks in a terminal", "", 20, 0, 1, 1, 10},
		{"dense", "a good camera at 1080p", "", 40, 0, 1, 1, 15},
		{"fast", "2x2 codes for a camera at 1080p", "", 30, 0, 2, 2, 15},
		{"fastest", "3x2 codes for a camera at 1080p", "", 27, 0, 3, 2, 15},
		{"slow", "a poor camera, a shaking hand", "", 10, 0, 1, 1, 5},
		{"keystone", "Keystone", "ur", 40, 200, 1, 1, 5},
		{"sparrow", "Sparrow", "ur", 40, 400, 1, 1, 5},
		{"seedsigner", "SeedSigner, whose camera is small", "ur", 40, 80, 1, 1, 6},
		{"passport", "Passport", "ur", 40, 200, 1, 1, 5},
		{"jade", "Jade, whose camera is small", "ur", 40, 80, 1, 1, 4},
		{"krux", "Krux", "ur", 40, 120, 1, 1, 5},
		{"coldcard", "Coldcard Q", "bbqr", 27, 0, 1, 1, 4},
	}
}

// ProfileByName finds a preset; the error of a wrong name lists them all.
func ProfileByName(name string) (Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, fault.New("show.profile", "use one of "+strings.Join(names, ", "), "there is no profile %q", name)
}
