#include "clients/cli/reproduce/page_style.h"

namespace recsae::cli {

const char kPageStyle[] = R"css(
:root{color-scheme:light dark;
--page:#f7f7f4;--card:#fff;--ink:#1c1f24;--soft:#5b626d;--line:#e2e3df;--grid:#ecedea;
--c1:#8b93a1;--c2:#d9902f;--c3:#2563c9;--c4:#3f4652;--good:#1d7a4c;--mark:#c2185b;--shade:#0003;--amber:#96590b}
@media (prefers-color-scheme:dark){:root{
--page:#14161a;--card:#1c1f25;--ink:#e9ebee;--soft:#a2a9b5;--line:#31363f;--grid:#2a2e36;
--c1:#7f8897;--c2:#e0a04a;--c3:#6d9ff2;--c4:#c3c9d3;--good:#5fc48e;--mark:#ff7eb0;--shade:#000a;--amber:#e6ab5a}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif}
a{color:var(--c3)}
:focus-visible{outline:2px solid var(--c3);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-999px}.skip:focus{left:8px;top:8px;background:var(--card);padding:8px}
header,main,footer{max-width:1180px;margin:0 auto;padding:0 20px}
header{padding-top:44px}
h1{font-size:clamp(1.7rem,4.5vw,2.6rem);line-height:1.15;letter-spacing:-.02em;margin:0 0 10px}
.lead{color:var(--soft);max-width:68ch;margin:0 0 18px}
nav{display:flex;flex-wrap:wrap;gap:8px;margin:0 0 8px}
nav a{background:var(--card);border:1px solid var(--line);border-radius:99px;padding:4px 13px;
font-size:.88rem;text-decoration:none;color:var(--ink)}
nav a:hover{border-color:var(--c3)}
section{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:24px;
margin:22px 0;min-width:0}
h2{font-size:1.3rem;line-height:1.25;margin:0 0 6px;letter-spacing:-.01em}
h3{font-size:1rem;margin:22px 0 8px}
.caption{color:var(--soft);font-size:.93rem;max-width:78ch;margin:0 0 14px}
.command{font-size:.82rem;color:var(--soft);margin:16px 0 0}
code{font:.82rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;
background:var(--page);border:1px solid var(--line);border-radius:6px;padding:2px 7px;
overflow-wrap:anywhere;color:var(--ink)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(215px,1fr));gap:14px}
.card{border:1px solid var(--line);border-radius:12px;padding:16px;background:var(--page);margin:0}
.card b{display:block;font-size:2rem;line-height:1.15;font-variant-numeric:tabular-nums;
letter-spacing:-.02em}
.card h3{margin:0 0 8px}.card p{margin:2px 0;font-size:.88rem;color:var(--soft)}
.card .then{margin-top:12px}
.card .then b{font-size:1.45rem;display:inline}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));
gap:20px 28px;align-items:start}
figure{margin:0;min-width:0}
figcaption{font-weight:600;font-size:.93rem;margin:0 0 6px}
svg.chart{display:block;width:100%;max-width:520px;height:auto;font:13px system-ui,-apple-system,
"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;overflow:visible}
svg text{fill:var(--ink)}svg .label,svg .tick{fill:var(--soft)}
svg .value{font-variant-numeric:tabular-nums}svg .group,svg .name{font-weight:600}
svg .point{font-size:12px;fill:var(--ink);stroke:var(--card);stroke-width:4px;paint-order:stroke}
svg .axis,svg .grid{stroke:var(--grid);fill:none}svg .axis{stroke:var(--line)}
svg .reference{stroke:var(--soft);stroke-dasharray:5 4;fill:none}
svg .whisker{stroke:var(--ink);stroke-width:1.4;fill:none;opacity:.75}
svg .paper{fill:var(--mark);stroke:var(--card);stroke-width:1.2}
svg .c1{fill:var(--c1)}svg .c2{fill:var(--c2)}svg .c3{fill:var(--c3)}svg .c4{fill:var(--c4)}
svg .muted{fill:var(--soft)}svg .name.c2{fill:var(--amber)}svg .name.c1{fill:var(--soft)}
svg .line{fill:none;stroke-width:2.2;stroke-linejoin:round}
svg .line.c1{stroke:var(--c1)}svg .line.c2{stroke:var(--c2)}
svg .line.c3{stroke:var(--c3)}svg .line.c4{stroke:var(--c4)}
svg circle{stroke:var(--card);stroke-width:1.5}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;padding:0;margin:0 0 14px;
font-size:.88rem;color:var(--soft)}
.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px}
.legend .c1{background:var(--c1)}.legend .c2{background:var(--c2)}.legend .c3{background:var(--c3)}
.legend .c4{background:var(--c4)}
.legend .paper{background:var(--mark);width:8px;height:8px;border-radius:0;transform:rotate(45deg);
margin:0 9px 1px 2px}
.scroll{overflow-x:auto;margin:18px 0 0;border:1px solid var(--line);border-radius:10px;
background:linear-gradient(to right,var(--card) 30%,transparent) left/36px 100% no-repeat local,
linear-gradient(to left,var(--card) 30%,transparent) right/36px 100% no-repeat local,
linear-gradient(to right,var(--shade),transparent) left/14px 100% no-repeat scroll,
linear-gradient(to left,var(--shade),transparent) right/14px 100% no-repeat scroll}
table{border-collapse:collapse;width:100%;font-size:.87rem}
caption{text-align:left;position:absolute;left:-9999px}
th,td{padding:7px 10px;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}
tbody tr:last-child>*{border-bottom:0}
thead th{font-weight:600;color:var(--soft);vertical-align:bottom}
th.n,td.n{text-align:right;font-variant-numeric:tabular-nums}
tbody th{font-weight:400}th.same{color:transparent}
td.paper,th.paper{color:var(--mark)}
tr.trained>*{font-weight:650}tr.first>*{border-top:1px solid var(--soft)}
tbody tr.first:first-child>*{border-top:0}
td.refused{color:var(--soft);white-space:normal}
.cloud{list-style:none;display:flex;flex-wrap:wrap;justify-content:center;align-items:baseline;
gap:2px 16px;padding:16px 4px;margin:0;line-height:1.25}
.cloud li{overflow-wrap:anywhere;text-align:center}
.clouds{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:20px}
.clouds figure{border:1px solid var(--line);border-radius:12px;padding:16px;background:var(--page)}
.k-word{color:var(--c3)}.k-title{color:var(--amber)}.k-attribute{color:var(--good)}
.tools{display:flex;flex-wrap:wrap;gap:10px;margin:0 0 14px}
.tools label{font-size:.85rem;color:var(--soft);display:flex;flex-direction:column;gap:3px}
.tools .grow{flex:1 1 220px}
input,select{font:inherit;font-size:.95rem;color:var(--ink);background:var(--page);width:100%;
border:1px solid var(--line);border-radius:8px;padding:7px 10px}
.concepts{list-style:none;padding:0;margin:0;display:grid;
grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr));gap:12px}
.concepts>li{border:1px solid var(--line);border-radius:12px;padding:14px 16px;background:var(--page);
min-width:0;content-visibility:auto;contain-intrinsic-size:auto 190px}
.concepts .what{font-weight:650;overflow-wrap:anywhere;margin:0}
.concepts .meta{display:flex;flex-wrap:wrap;gap:4px 12px;font-size:.82rem;color:var(--soft);
margin:3px 0 9px;font-variant-numeric:tabular-nums}
.model{color:var(--ink);font-weight:600;overflow-wrap:anywhere}
.notes{color:var(--soft);font-size:.88rem;padding-left:1.2em}
.ok{color:var(--good);font-weight:600}
.items{list-style:none;margin:0;padding:0;font-size:.88rem}
.items li{display:grid;grid-template-columns:1fr 46px auto;gap:2px 10px;align-items:center;
padding:2px 0}
.items span:first-child{overflow-wrap:anywhere}
.items .bar{height:7px;border-radius:4px;background:var(--grid);overflow:hidden}
.items .bar i{display:block;height:100%;background:var(--c3)}
.items .n{font-variant-numeric:tabular-nums;color:var(--soft);font-size:.82rem;min-width:3.2em;
text-align:right}
.none{color:var(--soft)}
footer{color:var(--soft);font-size:.85rem;padding-bottom:40px}
@media (max-width:560px){header,main,footer{padding-left:12px;padding-right:12px}
header{padding-top:26px}section{padding:16px 14px;border-radius:12px}th,td{padding:6px 9px}}
@media print{body{background:#fff}section{break-inside:avoid;border:0}.tools,nav{display:none}}
)css";

const char kPageScript[] = R"js(
(function(){
var list=document.getElementById('concept-list');if(!list)return;
var tools=document.getElementById('concept-tools');tools.hidden=false;
var all=Array.prototype.slice.call(list.children);
var find=document.getElementById('find'),where=document.getElementById('where'),
order=document.getElementById('order'),count=document.getElementById('count');
var texts=all.map(function(e){return e.textContent.toLowerCase()});
all.forEach(function(e,i){e.dataset.i=i});
var keys={
sure:function(a,b){return a.dataset.i-b.dataset.i},
often:function(a,b){return b.dataset.rows-a.dataset.rows},
latent:function(a,b){return a.dataset.latent-b.dataset.latent},
name:function(a,b){return a.dataset.name.localeCompare(b.dataset.name)}};
function show(){
var words=find.value.toLowerCase().split(/\s+/).filter(Boolean),shown=0;
all.forEach(function(e,i){
var hit=(!where.value||e.dataset.of===where.value)&&
words.every(function(w){return texts[i].indexOf(w)>=0});
e.hidden=!hit;if(hit)shown++});
count.textContent=shown+' of '+all.length+' concepts'}
function sort(){
all.slice().sort(keys[order.value]).forEach(function(e){list.appendChild(e)})}
find.addEventListener('input',show);where.addEventListener('change',show);
order.addEventListener('change',sort);show();
})();
)js";

}  // namespace recsae::cli
