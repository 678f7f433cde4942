package config
import ("testing";"fmt";"strings";"time")
func TestZP(t *testing.T){
 var b strings.Builder
 b.WriteString("vpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: a, cidr: 10.0.0.0/16}]\nsecurity_groups:\n")
 for g:=range 1000 { fmt.Fprintf(&b,"  - name: g%d\n    ingress:\n",g); for r:=range 100 { fmt.Fprintf(&b,"      - {protocol: tcp, port_range: %d, source: g%d}\n",r+1,(g+r)%1000)}}
 b.WriteString("instances:\n")
 for i:=range 10000 { fmt.Fprintf(&b,"  - name: %d-x\n    address: 10.0.%d.%d\n    security_groups: [g%d, g%d]\n",i,1+i/200,10+i%200,i%1000,(i+1)%1000)}
 t0:=time.Now(); c,err:=Parse([]byte(b.String()),Source{Path:"x"}); fmt.Println(b.Len(),time.Since(t0), err!=nil); if err!=nil{fmt.Println(err.Error()[:300])}; _=c
}
