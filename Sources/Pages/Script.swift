/// The script of all pages: it asks for the page again and changes it in place, counts the age of the data,
/// and filters lists. Without it all is there but the filter, and the browser loads the page anew.
enum Script {
  static let text: StaticString = """
    (function(){'use strict';
    var every=1000*document.querySelector('meta[name=refresh-s]').content;
    var offset=null,failed=0;
    function stamp(){return document.querySelector('[data-time]');}
    function age(){var s=stamp();if(!s)return;var t=1000*s.dataset.time;
    if(offset===null)offset=0;
    var old=Math.max(0,Math.round((Date.now()+offset-t)/1000));
    if(failed>1||old>+s.dataset.limit){var w=old<120?old+' s':Math.round(old/60)+' min';
    s.textContent='THIS PAGE IS '+w+' OLD'+(failed>1?', and its server does not answer':'');
    s.parentNode.classList.add('late');}}
    function filter(){var f=document.getElementById('filter');if(!f)return;
    var w=f.value.toLowerCase().split(/\\s+/).filter(Boolean);
    document.querySelectorAll('[data-row]').forEach(function(r){var t=r.textContent.toLowerCase();
    r.hidden=!w.every(function(x){return t.indexOf(x)>=0;});});}
    function setup(){var b=document.getElementById('filterbox');if(b)b.hidden=false;
    var f=document.getElementById('filter');if(f)f.addEventListener('input',filter);}
    function swap(doc){['head','foot'].concat(document.getElementById('list')?['list']:['main']).forEach(function(id){
    var old=document.getElementById(id),now=doc.getElementById(id);
    if(!old||!now||old.innerHTML===now.innerHTML)return;
    var active=document.activeElement,place=null;
    if(active&&old.contains(active)&&active.getAttribute('href'))place=active.getAttribute('href');
    var tops=[];old.querySelectorAll('.scroll').forEach(function(e){tops.push(e.scrollLeft);});
    old.replaceWith(document.importNode(now,true));
    var node=document.getElementById(id);
    node.querySelectorAll('.scroll').forEach(function(e,i){e.scrollLeft=tops[i]||0;});
    if(place){var again=Array.prototype.find.call(node.querySelectorAll('a'),function(a){
    return a.getAttribute('href')===place;});if(again)again.focus({preventScroll:true});}});
    document.title=doc.title;filter();}
    function load(){if(location.protocol==='file:'){sessionStorage.setItem('y',scrollY);location.reload();return;}
    if(document.hidden){return;}
    fetch(location.pathname,{cache:'no-cache',credentials:'same-origin'}).then(function(r){
    if(!r.ok)throw r.status;var d=r.headers.get('Date');if(d)offset=Date.parse(d)-Date.now();return r.text();})
    .then(function(t){failed=0;var doc=new DOMParser().parseFromString(t,'text/html');
    if(doc.getElementById('main'))swap(doc);age();}).catch(function(){failed++;age();});}
    setup();age();
    try{var y=sessionStorage.getItem('y');if(y!==null){sessionStorage.removeItem('y');scrollTo(0,+y);}}catch(e){}
    document.addEventListener('visibilitychange',function(){if(!document.hidden)load();});
    setInterval(age,5000);setInterval(load,every);})();
    """
}
