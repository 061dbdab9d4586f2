package optics

import (
	"fmt"

	"coldsign/shared/frame/picture"
)

// Versions are those of the set.
var versions = [...]int{10, 15, 20, 25, 27, 30, 35, 40}

// Case is a picture to be read: one symbol at level L filled with random bytes.
type Case struct {
	Name    string
	Version int
	Grade   Grade
	Scene   Scene
	Share   float64 // of a foreign symbol that shines through
	Payload []byte
	Mask    int
	Size    float64 // pixels to a module, before tilt
}

// Set is the fixed set of 960: 720p and 1080p, eight versions, three grades,
// twenty of each. Payloads and poses never change.
func Set() []Case {
	var cases []Case
	for _, height := range []int{720, 1080} {
		for _, g := range []Grade{GradeA, GradeB, GradeC} {
			for _, v := range versions {
				for i := range 20 {
					seed := uint64(height)<<32 | uint64(g)<<24 | uint64(v)<<16 | uint64(i)
					c := newCase(v, seed)
					c.Name = fmt.Sprintf("%d-%c-v%d-%02d", height, g, v, i)
					c.Grade, c.Scene, c.Share = g, g.Scene(height*16/9, height, c.show(), seed), g.Blend(seed)
					c.Size = c.Scene.ModuleSize(c.show())
					cases = append(cases, c)
				}
			}
		}
	}
	return cases
}

func newCase(version int, seed uint64) Case {
	return Case{Version: version, Payload: Random(Capacity(version), seed), Mask: int(seed % 8)}
}

func (c Case) show() Show { return One(Symbol(c.Version, c.Mask, c.Payload)) }

// other is a symbol of the same size with other bytes.
func (c Case) other(n uint64) Show {
	return One(Symbol(c.Version, c.Mask, Random(len(c.Payload), c.Scene.Seed+n<<56)))
}

// Picture takes the picture.
func (c Case) Picture() *picture.Plane {
	if c.Share == 0 {
		return Render(c.Scene, c.show())
	}
	return Blend(c.Scene, c.show(), c.other(1), c.Share)
}

// Previous is the picture that a camera took just before: another symbol, up to
// 0.8 modules away and up to 0.4 % nearer or farther. It is for readers that
// follow a symbol from one picture to the next.
func (c Case) Previous() *picture.Plane {
	show := c.other(2)
	return Render(c.Scene.Moved(show, 0.8, 0.004, c.Scene.Seed), show)
}
