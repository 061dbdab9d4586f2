package slip39

import (
	"fmt"
	"strconv"
	"strings"

	"coldsign/shared/fault"
)

// Group is how a group shares its part: any Threshold of its Members have it.
type Group struct{ Threshold, Members int }

// Plan is how a secret is shared: any Threshold of the Groups have it.
type Plan struct {
	Threshold int
	Groups    []Group
}

// ParsePlan reads what String writes: "2of3" is one group; "2:2of3,3of5,1of1" are
// three groups of which two are needed. Error share.plan.
func ParsePlan(text string) (Plan, error) {
	p := Plan{Threshold: 1}
	bad := fault.New("share.plan", `write "2of3", or "2:2of3,3of5,1of1" for groups of which 2 are needed`, "%.60q is no way to share", text)
	if len(text) > maxPlan {
		return p, bad
	}
	need, groups, several := strings.Cut(text, ":")
	if !several {
		need, groups = "1", text
	}
	p.Threshold = number(need)
	for _, g := range strings.Split(groups, ",") {
		t, n, ok := strings.Cut(g, "of")
		if !ok {
			return p, bad
		}
		p.Groups = append(p.Groups, Group{number(t), number(n)})
	}
	if !p.valid() || p.String() != text {
		return p, bad
	}
	return p, nil
}

// number gives 0 for what is none.
func number(text string) int {
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return 0
	}
	return int(n)
}

// valid holds a plan to the standard: several shares of which each is enough are not
// allowed, since they would all be the same.
func (p Plan) valid() bool {
	for _, g := range p.Groups {
		if g.Threshold < 1 || g.Threshold > g.Members || g.Members > maxMembers || g.Threshold == 1 && g.Members > 1 {
			return false
		}
	}
	return p.Threshold >= 1 && p.Threshold <= len(p.Groups) && len(p.Groups) <= maxGroups
}

// String writes the plan.
func (p Plan) String() string {
	var b strings.Builder
	if len(p.Groups) != 1 {
		fmt.Fprintf(&b, "%d:", p.Threshold)
	}
	for i, g := range p.Groups {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%dof%d", g.Threshold, g.Members)
	}
	return b.String()
}
