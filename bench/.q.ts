import { encodeFrame,decodeFrame } from "/work/main/src/broker/wire.ts";
import { createBatch } from "/work/main/src/core/batch.ts";
import { createNexmarkGenerator } from "/work/main/src/nexmark/generator.ts";
import { Packr } from "msgpackr";
const packr=new Packr({useRecords:true,moreTypes:true,copyBuffers:true});
const g=createNexmarkGenerator();
const frame=(batch:any)=>({prevLineage:3,watermark:1436918400000,idle:false,end:false,barrier:undefined,batch});
const all:any[]=[];for(let n=0;all.length<20000;n++){const b=g.bid(n);if(b)all.push(b)}
for(const N of [1,4,16,64]){
const bs=Array.from({length:20000/N|0},(_, b)=>createBatch(all.slice(b*N,b*N+N),all.slice(b*N,b*N+N).map((x:any)=>x.dateTime),1));
const es=bs.map(b=>encodeFrame(frame(b))), ps=bs.map(b=>Buffer.from(packr.pack([b.values,b.timestamps])));
const best=(f:()=>void)=>{let m=1e18;for(let r=0;r<30;r++){const t=process.hrtime.bigint();f();m=Math.min(m,Number(process.hrtime.bigint()-t))}return (m/bs.length).toFixed(0)+" ns/frame"};
console.log(N,"enc",best(()=>{for(const b of bs)encodeFrame(frame(b))}),"dec",best(()=>{for(const b of es)decodeFrame(b)}),es[0]!.length,"| msgpackr",best(()=>{for(const b of bs)Buffer.from(packr.pack([b.values,b.timestamps]))}),best(()=>{for(const b of ps)packr.unpack(b)}),ps[0]!.length);
}
