package policy

// UsedUp gives the spends of a home that was restored at a time: nobody there knows what
// the old one has signed, so each rule's period counts as used up until it is over.
func (p Policy) UsedUp(restored int64) (list []Past) {
	if p.rules == nil {
		return nil
	}
	for i := range p.rules.list {
		if r := &p.rules.list[i]; r.period != nil {
			list = append(list, Past{Spend: Spend{r.Name, r.asset.ID, r.period}, Time: restored})
		}
	}
	return list
}
